// Every text the canvas shows comes through here: t('key', { name: value }). English is complete and
// is the fallback; other catalogues hold any part of it.

import en from './en.json';

export type TextKey = keyof typeof en;
export type TextArgs = Readonly<Record<string, string | number>>;

export function t(key: TextKey, args: TextArgs = {}): string {
  return en[key].replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = args[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? value.toLocaleString('en') : value;
  });
}
