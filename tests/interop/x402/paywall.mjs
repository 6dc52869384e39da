// A server that sells upload tokens as the hosted API does, behind the paywall of @x402/express.
// Arguments: the facilitator, the payee, the price in atomic units, network, asset and its name. It prints its URL on stderr.
import { randomBytes } from "node:crypto";
import express from "express";
import { HTTPFacilitatorClient } from "@x402/core/server";
import { ExactEvmScheme } from "@x402/evm/exact/server";
import { paymentMiddleware, x402ResourceServer } from "@x402/express";

const [facilitatorUrl, payTo, amount, network, asset, name] = process.argv.slice(2);
const price = { amount, asset, extra: { name, version: "2" } };
const accepts = { scheme: "exact", network, payTo, price };
const resources = new x402ResourceServer(new HTTPFacilitatorClient({ url: facilitatorUrl }));
resources.register(network, new ExactEvmScheme());

const app = express();
app.use(paymentMiddleware({ "POST /api/upload/token": { accepts, description: "One upload" } }, resources));
app.post("/api/upload/token", (request, answer) => {
  const expiresAt = new Date(Date.now() + 600_000).toISOString();
  answer.json({ token: randomBytes(20).toString("hex"), expiresAt });
});
const server = app.listen(0, "127.0.0.1", () => console.error(`http://127.0.0.1:${server.address().port}`));
