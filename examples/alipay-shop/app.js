/** Nothing runs before the first page; what lasts is in lib/. */
App({});
