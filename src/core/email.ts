/**
 * The canonical form of an email address: one form for every case and Unicode form. (Lower-case letters can compose where
 * upper-case letters do not, so the text is normalized twice.)
 */
export function normalizeEmail(text: string): string {
  return text.trim().normalize('NFKC').toLowerCase().normalize('NFKC');
}

export function isEmail(value: unknown): boolean {
  const [local = '', domain = '', ...more] = String(value).split('@');
  const labels = domain.split('.');
  return (
    more.length === 0 &&
    /^[^\s<>",;\\\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]+$/u.test(local) &&
    labels.length > 1 &&
    labels.every(
      (label) => /^[\p{L}\p{N}\p{M}-]+$/u.test(label) && !label.startsWith('-') && !label.endsWith('-'),
    )
  );
}
