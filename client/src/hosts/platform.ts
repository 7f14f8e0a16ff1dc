/** The type checker's view of `#platform` and `#book`: WeChat's; Alipay's are held to the same shape. */

import type { Book, Platform } from "./component";
import * as myBook from "./my-book";
import * as mine from "./my-platform";
import * as wechatBook from "./wx-book";
import * as wechat from "./wx-platform";

export const PLATFORMS: Platform[] = [wechat, mine];
export const BOOKS: Book[] = [wechatBook, myBook];
