import { password } from './data';

/** Calls of a server, one at a time. For many, see load.ts. */

/** @returns an access token for each account */
export async function signIn(url: string, emails: string[]): Promise<string[]> {
  const tokens: string[] = [];
  for (const email of emails) {
    const response = await logIn(url, email);
    tokens.push(((await response.json()) as { access_token: string }).access_token);
  }
  return tokens;
}

export function logIn(url: string, email: string, enteredPassword = password): Promise<Response> {
  return call(url, undefined, 'POST', '/auth/login', { email, password: enteredPassword });
}

/** @param path below /api/v1 */
export function call(
  url: string,
  token: string | undefined,
  method: string,
  path: string,
  body?: object,
): Promise<Response> {
  return fetch(`${url}/api/v1${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
    body: body && JSON.stringify(body),
  });
}

/** @throws Error for a response without a success status */
export async function callText(...parameters: Parameters<typeof call>): Promise<string> {
  const response = await call(...parameters);
  const text = await response.text();
  if (!response.ok) throw new Error(`${parameters[2]} ${parameters[3]}: ${response.status} ${text}`);
  return text;
}
