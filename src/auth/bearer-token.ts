/** Linear in the length of the header, which the extractor that comes with passport-jwt is not. */
export function bearerToken({ headers }: { headers: { authorization?: string } }): string | null {
  return /^Bearer ([\w.-]+)$/i.exec(headers.authorization ?? '')?.[1] ?? null;
}
