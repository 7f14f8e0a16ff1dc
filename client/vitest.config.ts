import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { alias: { "#platform": fileURLToPath(new URL("src/hosts/wx-platform.ts", import.meta.url)) } },
  test: { include: ["test/**/*.test.ts"], testTimeout: 30000, hookTimeout: 60000, maxWorkers: 2 },
});
