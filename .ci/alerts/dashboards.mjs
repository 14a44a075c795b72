// Holds dashboards against the types that Grafana publishes of them: node dashboards.mjs FILE...
// A key that Grafana does not know is a mistake, and so is a value of another kind.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Ajv from "ajv";
import { createGenerator } from "ts-json-schema-generator";

const types = (path) => fileURLToPath(new URL(`node_modules/@grafana/schema/dist/types/${path}`, import.meta.url));
const ajv = new Ajv({ strict: false, allErrors: true, allowUnionTypes: true });

function checker(path, type) {
  const schema = createGenerator({ path: types(path), tsconfig: fileURLToPath(new URL("tsconfig.json", import.meta.url)), type, skipTypeCheck: true, topRef: false, additionalProperties: false }).createSchema(type);
  return ajv.compile(schema);
}
const dashboard = checker("raw/dashboard/x/types.gen.d.ts", "Dashboard");
const panel = checker("raw/dashboard/x/types.gen.d.ts", "Panel");
const row = checker("raw/dashboard/x/types.gen.d.ts", "RowPanel");
const options = checker("raw/composable/timeseries/panelcfg/x/types.gen.d.ts", "Options");
const custom = checker("raw/composable/timeseries/panelcfg/x/types.gen.d.ts", "FieldConfig");

let wrong = 0;
function hold(where, check, value) {
  if (check(value)) return;
  for (const e of check.errors) {
    wrong++;
    console.error(`${where}${e.instancePath}: ${e.message} ${JSON.stringify(e.params)}`);
  }
}

function look(name, board) {
  const { panels, ...rest } = board;
  hold(name, dashboard, rest);
  for (const p of panels) {
    const where = `${name}: ${p.title}`;
    if (p.type === "row") {
      hold(where, row, p);
      continue;
    }
    hold(where, panel, p);
    if (p.type === "timeseries") {
      hold(`${where}: options`, options, p.options);
      hold(`${where}: custom`, custom, p.fieldConfig.defaults.custom);
    }
  }
  return panels.length;
}

const files = process.argv.slice(2);
for (const file of files) {
  const board = JSON.parse(readFileSync(file, "utf8"));
  console.log(`${file}: ${look(file, board)} panels and rows`);
}
if (wrong > 0 || files.length === 0) process.exit(1);

// A check that finds nothing wrong proves nothing: each of these mistakes must be seen.
const good = readFileSync(files[0], "utf8");
console.error = () => {};
for (const [what, spoil] of Object.entries({
  "an unknown key": (b) => (b.panelz = []),
  "a unit that is no text": (b) => (b.panels[1].fieldConfig.defaults.unit = 3),
  "an unknown key of a panel": (b) => (b.panels[1].gridpos = {}),
  "an unknown way to draw thresholds": (b) => (b.panels[1].fieldConfig.defaults.custom.thresholdsStyle.mode = "dotted"),
  "no schema version": (b) => delete b.schemaVersion,
})) {
  const board = JSON.parse(good);
  spoil(board);
  wrong = 0;
  look("", board);
  if (wrong === 0) {
    console.log(`${what} passes`);
    process.exitCode = 1;
  }
}
