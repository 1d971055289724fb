/** Settings of earlier systems and of common FastAPI services that Cairn does not read, and what to use instead. */
const replacements: Record<string, string> = {
  API_HOST: 'Use HOST.',
  API_PORT: 'Use PORT.',
  DATABASE_ECHO: 'Use SQL_ECHO.',
  DATABASE_MAX_OVERFLOW: 'Use DATABASE_POOL_SIZE: it is the maximum number of connections.',
  DEBUG: 'Use LOG_LEVEL=debug.',
  JWT_ALGORITHM: 'Tokens are always signed with HS256.',
  ALGORITHM: 'Tokens are always signed with HS256.',
  SECRET_KEY: 'Use JWT_SECRET_KEY.',
  BACKEND_CORS_ORIGINS: 'Use CORS_ORIGINS.',
};

/** A warning for each such setting in the environment. Their values are not shown. */
export function warningsOfReplacedSettings(environment: NodeJS.ProcessEnv): string[] {
  return Object.entries(replacements)
    .filter(([name]) => environment[name]?.trim())
    .map(([name, replacement]) => `${name} has no effect. ${replacement}`);
}
