// Swagger UI for this service, wherever it is: addresses are relative, so that a prefix is kept.

import { ROOT } from "./page/addresses.js";
import { read } from "./page/api-client.js";
import { keyHeaders, needsKey } from "./page/api-key.js";

const place = document.getElementById("swagger-ui");

async function show() {
  const spec = await read("openapi.json");
  const ui = SwaggerUIBundle({
    // "servers" tells Swagger UI where to send requests; without it that is the host's root
    spec: { ...spec, servers: [{ url: ROOT.replace(/\/$/, "") }] },
    dom_id: "#swagger-ui",
    deepLinking: true,
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
    layout: "BaseLayout",
    onComplete: () => {
      const key = keyHeaders().authorization?.replace("Bearer ", "");
      if (needsKey() && key) ui.preauthorizeApiKey("bearer", key);
    },
  });
}

show().catch((problem) => { place.textContent = `${problem.title ?? "The page failed"}. ${problem.detail ?? problem}`; });
