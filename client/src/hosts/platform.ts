/** The type checker's view of `#platform`: WeChat's; a test holds Alipay's to the same shape. */

import type { Platform } from "./component";
import * as mine from "./my-platform";
import * as wechat from "./wx-platform";

export const PLATFORMS: Platform[] = [wechat, mine];
