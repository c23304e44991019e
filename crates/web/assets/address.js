// Addresses of pages and of the API, relative to the root of the pages, so that they hold below any path a
// proxy serves them at. crates/web/src/address.rs does the same.

const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

/** A path with a query; parameters whose value is empty are left out. */
export const withQuery = (path, query) => {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return pairs.length ? `${path}?${pairs.map(([name, value]) => `${encode(name)}=${encode(String(value))}`).join("&")}` : path;
};

/** Something in a collection, `hosts/web-1`; a name that browsers or proxies change in a path stands in the query. */
export const of = (collection, name) => {
  const fits = !["", ".", ".."].includes(name) && !/[/\\%]/.test(name);
  return fits ? `${collection}/${encode(name)}` : withQuery(collection, { name });
};

/** From this page to an address below the root. */
export const at = (address) => document.body.dataset.base + address;

/** Where this page is below the root, as the server knows it: `/hosts/web-1?range=1h`. */
export const here = () => `/${location.href.slice(new URL(at(""), location.href).href.length).replace(/#.*/, "")}`;
