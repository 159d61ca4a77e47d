// Swagger UI for this service, wherever it is: addresses are relative, so that a prefix is kept.

import { ROOT } from "./page/addresses.js";
import { read } from "./page/api-client.js";
import { keyHeaders, needsKey } from "./page/api-key.js";

// When another content type is chosen Swagger UI keeps the fields of the form and shows them as if
// they were the JSON body. Without a value it shows the example.
const forgetFormOfOtherType = {
  statePlugins: { oas3: { wrapActions: {
    setRequestContentType: (original, { oas3Actions }) => (change) => {
      oas3Actions.setRequestBodyValue({ value: undefined, pathMethod: change.pathMethod });
      return original(change);
    },
  } } },
};

const place = document.getElementById("swagger-ui");

async function show() {
  const spec = await read("openapi.json");
  const ui = SwaggerUIBundle({
    // "servers" tells Swagger UI where to send requests; without it that is the host's root
    spec: { ...spec, servers: [{ url: ROOT.replace(/\/$/, "") }] },
    dom_id: "#swagger-ui",
    deepLinking: true,
    plugins: [() => forgetFormOfOtherType],
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
    layout: "BaseLayout",
    onComplete: () => {
      const key = keyHeaders().authorization?.replace("Bearer ", "");
      if (needsKey() && key) ui.preauthorizeApiKey("bearer", key);
    },
  });
}

show().catch((problem) => { place.textContent = `${problem.title ?? "The page failed"}. ${problem.detail ?? problem}`; });
