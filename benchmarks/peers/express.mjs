// What one writes with express and multer: POST /api/free keeps the field "image", GET /:name serves it.
// Words: FOLDER and `durable` or `plain`. Prints its URL. `durable` answers once file, folder and row are on the disk.

import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import express from "express";
import multer from "multer";

const [folder, mode] = process.argv.slice(2);
const kept = join(folder, "kept");
mkdirSync(kept, { recursive: true });

const database = new DatabaseSync(join(folder, "index.sqlite3"));
database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${mode === "durable" ? "FULL" : "OFF"}`);
database.exec("CREATE TABLE IF NOT EXISTS images (id TEXT PRIMARY KEY, size INTEGER NOT NULL, created INTEGER NOT NULL)");
const insert = database.prepare("INSERT INTO images VALUES (?, ?, ?)");

async function synced(path) {
  const file = await open(path);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

const storage = multer.diskStorage({
  destination: kept,
  filename: (_request, _file, done) => done(null, `${randomBytes(8).toString("hex")}.png`),
});
const upload = multer({ storage, limits: { fileSize: 8_000_000, files: 1 } });
const app = express();
app.disable("x-powered-by");
app.post("/api/free", upload.single("image"), async (request, response) => {
  const { filename, path, size } = request.file;
  if (mode === "durable") {
    await synced(path);
    await synced(kept);
  }
  insert.run(filename, size, Date.now());
  response.json({ url: `http://${request.headers.host}/${filename}`, id: filename, sizeBytes: size });
});
app.get("/:name", (request, response) => response.sendFile(request.params.name, { root: kept, maxAge: "7d" }));
const server = app.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
