// Holds resources, a JSON array on standard input, to KEDA's own schema; prints what is wrong, and exits with 1.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

// Node looks for what is imported beside this file, and the libraries are elsewhere.
const index = join(process.env.NODE_LIBRARIES, "@kubernetes-models/keda/keda.sh/v1alpha1/index.js");
const { ScaledObject } = await import(pathToFileURL(index));

for (const resource of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    new ScaledObject(resource).validate();
  } catch (error) {
    console.log(error.message);
    process.exitCode = 1;
  }
}
