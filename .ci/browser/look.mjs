// Opens a report in a real browser and fails on what a reader would stumble over: an error on the console, a request
// to anywhere, a serious violation of accessibility, a table wider than the page, or content that needs JavaScript.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const [, , chromium, folder, ...files] = process.argv;
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const problems = [];
const paper = Math.floor((210 - 2 * 12) / 25.4 * 96); // what lies between the margins of A4, in pixels

const browser = await puppeteer.launch({
  executablePath: chromium,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"],
});
try {
  for (const file of files) {
    const url = pathToFileURL(file).href;
    const name = file.replace(/^.*\//, "").replace(/\.html$/, "");
    const texts = {};
    for (const view of [
      { title: "light", scheme: "light", script: true, width: 1100 },
      { title: "dark", scheme: "dark", script: true, width: 1100 },
      { title: "narrow", scheme: "light", script: true, width: 400 },
      { title: "without JavaScript", scheme: "light", script: false, width: 1100 },
    ]) {
      const tell = text => problems.push(`${name}, ${view.title}: ${text}`);
      const page = await browser.newPage();
      page.on("console", message => { if (["error", "warn"].includes(message.type())) tell(`console: ${message.text()}`); });
      page.on("pageerror", error => tell(`script: ${error.message}`));
      page.on("request", request => { if (request.url() !== url && !request.url().startsWith("data:")) tell(`request for ${request.url()}`); });
      await page.setViewport({ width: view.width, height: 900 });
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: view.scheme }]);
      await page.setJavaScriptEnabled(view.script);
      await page.goto(url, { waitUntil: "networkidle0" });
      texts[view.title] = await page.$eval("main", main => main.textContent.replace(/\s+/g, " "));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) tell(`the page is ${wide} pixels wider than its window`);
      if (view.width > 1000) {
        for (const caption of await page.$$eval("div.table", list => list.filter(d => d.scrollWidth > d.clientWidth + 1).map(d => d.getAttribute("aria-label")))) tell(`the table "${caption}" does not fit the page`);
      }
      if (view.script) {
        // The page's own policy forbids scripts that it did not bring; the driver's do not fall under it.
        await page.evaluate(axe);
        const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
        for (const v of found.violations.filter(v => ["serious", "critical"].includes(v.impact))) {
          tell(`accessibility, ${v.impact}: ${v.help}: ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 120)).join(" | ")}`);
        }
      }
      if (view.title === "light") await sorts(page, tell);
      if (folder) await page.screenshot({ path: `${folder}/${name}-${view.title.replaceAll(" ", "-")}.png`, fullPage: true });
      await page.close();
    }
    if (texts.light !== texts["without JavaScript"]) problems.push(`${name}: without JavaScript, the text differs`);
    const page = await browser.newPage();
    await page.setViewport({ width: paper, height: 900 });
    await page.goto(url);
    await page.emulateMediaType("print");
    for (const text of await page.$$eval("main, div.table, pre, div.picture", (list, paper) => list.filter(e => e.getBoundingClientRect().left + e.scrollWidth > paper + 1).map(e => e.textContent.trim().slice(0, 60)), paper)) {
      problems.push(`${name}, on paper: "${text}" is cut at the edge`);
    }
    const pdf = await page.pdf({ path: folder ? `${folder}/${name}.pdf` : undefined, format: "A4" });
    if (pdf.length < 10_000) problems.push(`${name}: the print of it has ${pdf.length} bytes`);
    await page.close();
    console.log(`${name}: ${texts.light.length} characters of text, ${pdf.length} bytes as PDF`);
  }
} finally {
  await browser.close();
}
for (const p of problems) console.error(p);
process.exit(problems.length ? 1 : 0);

// sorts presses the head of a column of numbers and looks at their order.
async function sorts(page, tell) {
  const values = await page.evaluate(() => {
    const button = document.querySelector("th.number button");
    if (!button) return null;
    button.click();
    const head = button.closest("th");
    const column = head.cellIndex;
    const read = text => parseFloat(text.replaceAll(",", ""));
    return { sorted: head.getAttribute("aria-sort"), cells: [...head.closest("table").tBodies[0].rows].map(r => read(r.cells[column].textContent)).filter(n => !isNaN(n)) };
  });
  if (!values) return;
  if (values.sorted !== "ascending") tell("a table does not sort when the head of a column is pressed");
}
