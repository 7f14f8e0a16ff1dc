// Shapes of the tools that tests call.
declare module "*/audit.mjs" {
  export const RULES: Record<string, unknown>;
  export function audit(dist: string, platform: string): string[];
  export function shape(template: string, repeats?: number): { nodes: number; depth: number; children: number };
}
declare module "*/size.mjs" {
  interface Weight {
    raw: number;
    gzip: number;
  }
  export const BUDGETS: { checkout: Weight; page: Weight; all: { raw: number } };
  export function weights(dist: string, platform: string): { checkout: Weight; page: Weight; all: Weight };
}
declare module "*/dialect.mjs" {
  interface Dialect {
    folder: string;
  }
  export const DIALECTS: { wx: Dialect; alipay: Dialect };
  export function markup(source: string, dialect: Dialect): string;
}
declare module "*/shop.mjs" {
  export const FROM: string;
  export const TO: string;
  export const OWN: string[];
  export function twin(from?: string): Map<string, string>;
}
