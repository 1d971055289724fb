/** The content codings of responses. */
export type Coding = 'br' | 'gzip';

/** Characters. A longer header is ignored, which RFC 9110 (section 12) leaves to the server. */
const maxHeaderLength = 2000;

/** Whether a client accepts a media type (RFC 9110, section 12.5.1). @param header the `Accept` of the request */
export function acceptsType(header: string | undefined, type: string): boolean {
  if (header === undefined || header === '*/*' || header === type) return true;
  const weights = weightsOf(header);
  if (!weights) return true;
  const range = type.replace(/\/.*$/, '/*');
  return (weights.get(type) ?? weights.get(range) ?? weights.get('*/*') ?? weights.get('*') ?? 0) > 0;
}

/**
 * The coding that a client prefers (RFC 9110, section 12.5.3).
 * @param header the `Accept-Encoding` of the request
 * @returns undefined for no coding
 */
export function acceptedCoding(header: string | undefined): Coding | undefined {
  const weights = header === undefined ? undefined : weightsOf(header);
  if (!weights) return undefined;
  const weightOf = (coding: Coding) => weights.get(coding) ?? weights.get('*') ?? 0;
  const preferred = weightOf('gzip') > weightOf('br') ? 'gzip' : 'br';
  const weight = weightOf(preferred);
  return weight > 0 && weight >= (weights.get('identity') ?? 0) ? preferred : undefined;
}

/** The members of a header and their weights. Other parameters are ignored. @returns undefined without members */
function weightsOf(header: string): Map<string, number> | undefined {
  if (header.length > maxHeaderLength) return undefined;
  const weights = new Map<string, number>();
  for (const member of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = member.split(';').map((part) => part.trim());
    if (name === '') continue;
    const weight = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
    weights.set(name, Math.max(weights.get(name) ?? 0, Number.isNaN(weight) ? 1 : weight));
  }
  return weights.size > 0 ? weights : undefined;
}
