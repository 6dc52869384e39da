// Pays for one POST with other people's clients. Arguments: the package, the URL and, where one is to be sent, an image.
// The key is in PAYER_KEY. Prints the answer as JSON.
import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import { privateKeyToAccount } from "viem/accounts";

const [client, url, image] = process.argv.slice(2);
const key = process.env.PAYER_KEY;

const payingFetches = {
  "@x402/fetch": async () => {
    const { wrapFetchWithPaymentFromConfig } = await import("@x402/fetch");
    const { ExactEvmScheme } = await import("@x402/evm/exact/client");
    const scheme = new ExactEvmScheme(privateKeyToAccount(key));
    return wrapFetchWithPaymentFromConfig(fetch, { schemes: [{ network: "eip155:*", client: scheme }] });
  },
  "x402-fetch": async () => {
    const { wrapFetchWithPayment } = await import("x402-fetch");
    return wrapFetchWithPayment(fetch, privateKeyToAccount(key));
  },
};

async function form() {
  const fields = new FormData();
  fields.set("image", await openAsBlob(image, { type: "image/png" }), basename(image));
  return fields;
}

const pay = await payingFetches[client]();
const answer = await pay(url, { method: "POST", body: image ? await form() : undefined });
const body = await answer.json();
console.log(JSON.stringify({ status: answer.status, headers: Object.fromEntries(answer.headers), body }));
