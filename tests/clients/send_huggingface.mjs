// URL FILE TOKEN: an image's classes by the package @huggingface/inference, as JSON; or its error.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const { InferenceClient } = createRequire(`${process.env.NODE_PACKAGES}/`)("@huggingface/inference");
const [endpointUrl, path, token] = process.argv.slice(2);
// by default it sends a request again at once for as long as the answer is 503
const client = new InferenceClient(token, { endpointUrl, retry_on_error: false });
const inputs = new Blob([await readFile(path)]);
const answer = await client.imageClassification({ inputs }).catch((error) => ({
  status: error.httpResponse?.status,
  message: error.message,
}));
process.stdout.write(JSON.stringify(answer));
