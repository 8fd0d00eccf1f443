// A provider of OpenID Connect for tests. Whoever comes with the header "Account" is signed in as this account, and agrees to all.
// `PUT /accounts/NAME` sets the claims of an account. Usage: node op.mjs FOLDER PORT BACK...
import { createServer } from "node:http";
import { once } from "node:events";

const [folder, port, ...backs] = process.argv.slice(2);
const { Provider } = await import(`${folder}/node_modules/oidc-provider/lib/index.js`);
const issuer = `http://127.0.0.1:${port}`;
const accounts = new Map();

const provider = new Provider(issuer, {
  clients: [{ client_id: "bank", client_secret: "a secret of tests", redirect_uris: backs, response_types: ["code"],
    grant_types: ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"] }],
  claims: { openid: ["sub"], profile: ["name", "preferred_username", "groups"], email: ["email"] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false }, deviceFlow: { enabled: true } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...accounts.get(id) }) }),
});

async function agree(request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === "login") {
    const account = request.headers.account;
    const result = account ? { login: { accountId: account } } : { error: "access_denied", error_description: "nobody came" };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}

const answer = provider.callback();
const server = createServer(async (request, response) => {
  if (request.method === "PUT") {
    const [body] = await once(request, "data");
    accounts.set(request.url.split("/").pop(), JSON.parse(body));
    return response.writeHead(204).end();
  }
  return request.url.startsWith("/interaction/") ? agree(request, response) : answer(request, response);
});
server.listen(Number(port), "127.0.0.1", () => console.log("ready"));
