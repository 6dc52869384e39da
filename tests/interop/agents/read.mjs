// Prints what an agent's parser makes of a file: `node read.mjs FOLDER_OF_JSONC_PARSER jsonc|json FILE`.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, kind, file] = process.argv.slice(2);
const text = readFileSync(file, "utf8").replace(/^\uFEFF/, "");
if (kind === "json") {
  console.log(JSON.stringify(JSON.parse(text)));
} else {
  const errors = [];
  const value = createRequire(`${folder}/`)(folder).parse(text, errors, { allowTrailingComma: true });
  if (errors.length) throw new Error(JSON.stringify(errors));
  console.log(JSON.stringify(value));
}
