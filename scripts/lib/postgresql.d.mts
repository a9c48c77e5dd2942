export function serverPrograms(debian?: string, path?: string): string | undefined;
