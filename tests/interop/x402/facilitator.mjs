// A facilitator: the one of @x402/core and @x402/evm behind express, on the chain at the first argument.
// Its key is in FACILITATOR_KEY; it prints its URL on stderr.
import express from "express";
import { createWalletClient, http, publicActions } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { base, baseSepolia } from "viem/chains";
import { x402Facilitator } from "@x402/core/facilitator";
import { toFacilitatorEvmSigner } from "@x402/evm";
import { registerExactEvmScheme } from "@x402/evm/exact/facilitator";

const [rpcUrl, network] = process.argv.slice(2);
const account = privateKeyToAccount(process.env.FACILITATOR_KEY);
const chain = [base, baseSepolia].find(({ id }) => network === `eip155:${id}`);
// viem asks for a receipt every four seconds unless told otherwise; this chain mines at once.
const client = createWalletClient({ account, chain, transport: http(rpcUrl), pollingInterval: 50 }).extend(publicActions);
const signer = toFacilitatorEvmSigner(Object.assign(client, { address: account.address }));
const facilitator = registerExactEvmScheme(new x402Facilitator(), { signer, networks: network });

const app = express();
app.use(express.json());
app.get("/supported", (request, answer) => answer.json(facilitator.getSupported()));
for (const act of ["verify", "settle"]) {
  app.post(`/${act}`, async ({ body }, answer) => {
    answer.json(await facilitator[act](body.paymentPayload, body.paymentRequirements));
  });
}
const server = app.listen(0, "127.0.0.1", () => console.error(`http://127.0.0.1:${server.address().port}`));
