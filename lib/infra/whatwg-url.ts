/** Stands in for the package of this name inside the bundles: Node has both classes itself. */
export const URL = globalThis.URL;
export const URLSearchParams = globalThis.URLSearchParams;
export default { URL, URLSearchParams };
