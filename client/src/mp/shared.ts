/**
 * What all components share on one platform. The build makes one file of these modules, which every component requires;
 * so no two of them may export the same name.
 */

export * from "../core/api";
export * from "../core/cache";
export * from "../core/money";
export * from "../core/telemetry";
export * from "../core/texts";
export * from "#platform";
