// Every text of the page in its languages, by name. Names that begin with "error." are codes of the
// relay's errors: English has none, as the relay's own messages are English and say more.

import { en } from "./words_en.js";
import { zh } from "./words_zh.js";

export const WORDS = { en, zh };
