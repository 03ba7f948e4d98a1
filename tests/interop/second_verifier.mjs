// A second verifier of exports, written from docs/formats/audit-log.md alone: no line of it is shared with mft_verify.py.
//
//     node second_verifier.mjs FOLDER --key VKEY|FILE … [--checkpoint FILE …]
//
// Prints "yes" or "no: why"; exit code 0, 1, or 2 where a checkpoint kept elsewhere cannot be checked.
import { createHash, createPublicKey, verify as ed25519 } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

class No extends Error {}
class CannotTell extends Error {}
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const refuse = (why) => { throw new No(why); };
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isText = (value) => typeof value === "string" && !/[\ud800-\udfff]/u.test(value); // No half of a pair.
const isInteger = (value) => Number.isSafeInteger(value);
const isHash = (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);

// --- Leaves

const orNull = (check) => (value) => value === null || check(value);
const MEMBERS = {
  actor: isText, at: isInteger, commitments: isObject, connection: orNull(isText), facts: isObject, id: isText,
  kind: isText, result: isText, tenant: isInteger, transfer: orNull(isText), v: (value) => value === 1,
};
const isAscii = (text) => /^[\x00-\x7f]*$/.test(text);

function canonical(value) {
  if (!isObject(value)) return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

function readLeaf(body, which) {
  let said;
  try { said = JSON.parse(body); } catch { refuse(`${which}: its body is no JSON`); }
  if (!isObject(said) || Object.keys(said).sort().join() !== Object.keys(MEMBERS).join()) refuse(`${which}: members`);
  for (const [name, check] of Object.entries(MEMBERS)) if (!check(said[name])) refuse(`${which}: ${name}`);
  for (const [name, fact] of Object.entries(said.facts))
    if (!isAscii(name) || !(fact === null || isText(fact) || isInteger(fact))) refuse(`${which}: fact ${name}`);
  for (const [name, commitment] of Object.entries(said.commitments))
    if (!isAscii(name) || !isHash(commitment)) refuse(`${which}: commitment ${name}`);
  if (canonical(said) !== body) refuse(`${which}: not canonical`);
  return said;
}

// --- The tree: hashes of everything so far, by level and position, as far as they can be known

class Tree {
  size = 0n;
  #edge = []; // [level, hash], of falling level.

  append(level, hash) {
    const given = [hash];
    let at = level;
    while (this.#edge.length && this.#edge.at(-1)[0] === at) {
      hash = sha256(Buffer.of(1), this.#edge.pop()[1], hash);
      at += 1;
      given.push(hash);
    }
    this.#edge.push([at, hash]);
    this.size += 1n << BigInt(level);
    return given;
  }

  root() {
    if (!this.#edge.length) return sha256("");
    return this.#edge.map(([, hash]) => hash).reduceRight((right, left) => sha256(Buffer.of(1), left, right));
  }
}

// --- Keys and checkpoints

function strictBase64(text) {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : null;
}

function readKey(vkey) {
  const parts = /^([!-*,-~]{1,200})\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(vkey);
  const typed = parts && strictBase64(parts[3]);
  if (!typed || typed.length !== 33 || typed[0] !== 1) return null;
  const id = sha256(parts[1], "\n", typed).subarray(0, 4).toString("hex");
  if (id !== parts[2]) return null;
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), typed.subarray(1)]);
  return { vkey, name: parts[1], id, key: createPublicKey({ key: der, format: "der", type: "spki" }) };
}

function readNote(text) {
  const middle = text.lastIndexOf("\n\n");
  const signed = text.slice(0, middle + 1);
  const head = /^([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n$/.exec(signed);
  if (middle < 0 || !head || !text.endsWith("\n") || text.length > 65536) refuse("a checkpoint is malformed");
  const root = strictBase64(head[3]);
  const size = BigInt(head[2]);
  if (!root || size >= 1n << 63n) refuse("a checkpoint is malformed");
  const signatures = text.slice(middle + 2, -1).split("\n").map((line) => {
    const parts = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/.exec(line);
    const bytes = parts && strictBase64(parts[2]);
    if (!bytes || bytes.length <= 4) refuse("a signature line is malformed");
    return { name: parts[1], id: bytes.subarray(0, 4).toString("hex"), signature: bytes.subarray(4) };
  });
  return { origin: head[1], size, root, signed: Buffer.from(signed), signatures };
}

function signedBy(note, key) {
  const mine = note.signatures.filter(({ name, id }) => name === key.name && id === key.id);
  for (const { signature } of mine) if (!ed25519(null, note.signed, key.key, signature)) refuse(`over ${note.size}: bad signature`);
  return mine.length > 0;
}

function splitNotes(text) {
  const notes = [];
  let note = "", afterSignature = false;
  for (const line of text.split(/(?<=\n)/)) {
    if (afterSignature && !line.startsWith("— ")) { notes.push(note); note = ""; }
    afterSignature = line.startsWith("— ");
    if (note || line !== "\n") note += line;
  }
  if (note) notes.push(note);
  return notes.map(readNote);
}

// --- The whole

const UNNUMBERED_LINE = "actor,at,body,connection,id,kind,result,seq,tenant,transfer";
const LEAF_LINE = `${UNNUMBERED_LINE},tree`;
const NODE_LINE = "hash,level,position";

function verifyExport(folder, trusted, kept) {
  const file = (name) => existsSync(join(folder, name)) ? utf8.decode(readFileSync(join(folder, name))) : refuse(`no ${name}`);
  const lines = (name) => {
    const text = file(name);
    if (text && !text.endsWith("\n")) refuse(`${name} ends within a line`);
    return text.split("\n").slice(0, -1);
  };
  const parse = (text) => { try { return JSON.parse(text); } catch { return refuse("no JSON"); } };
  const about = parse(file("export.json"));
  if (!isObject(about) || about.v !== 1 || ![about.from, about.to].every(orNull(isInteger))) refuse("export.json");
  const from = BigInt(about.from ?? 0), to = BigInt(about.to ?? 0);

  // First pass over the checkpoints: in order, then those kept elsewhere among them.
  const own = splitNotes(file("checkpoints.txt"));
  own.forEach((note, index) => { if (index && note.size < own[index - 1].size) refuse("checkpoints out of order"); });
  const bySize = new Map();
  for (const [notes, isKept] of [[own, false], [kept, true]])
    for (const note of notes) {
      if (!bySize.has(note.size)) bySize.set(note.size, []);
      bySize.get(note.size).push({ ...note, isKept });
    }
  const sizes = [...bySize.keys()].sort((a, b) => (a < b ? -1 : 1));
  if (!sizes.length) refuse("no checkpoint");

  const listed = lines("keys.txt");
  const chain = [readKey(listed[0] ?? "") ?? refuse("keys.txt")];
  let announced = false, open = [];
  const signedSomething = new Set();

  const tree = new Tree();
  let numbered = true, nodeEnd = 0n;
  const meet = () => {
    if (sizes[0] !== tree.size) return;
    const notes = bySize.get(sizes.shift());
    const inForce = chain.at(-1);
    for (const note of notes) {
      if (note.origin !== inForce.name || !signedBy(note, inForce)) refuse(`over ${note.size}: not by the key in force`);
      if (!note.root.equals(tree.root())) refuse(`over ${note.size}: another root`);
    }
    for (const key of open) if (!notes.map((note) => signedBy(note, key)).some(Boolean)) refuse(`over ${tree.size}: not signed twice`);
    open = [];
    for (const key of chain) if (notes.map((note) => signedBy(note, key)).some(Boolean)) signedSomething.add(key.vkey);
    lastSize = tree.size;
  };
  let lastSize = 0n;
  meet();

  for (const text of lines("leaves.ndjson")) {
    const line = parse(text);
    if (!isObject(line)) refuse(`leaf ${tree.size}: no object`);
    const members = Object.keys(line).filter((name) => name !== "clear").sort().join();
    if (![LEAF_LINE, NODE_LINE, UNNUMBERED_LINE].includes(members)) refuse(`leaf ${tree.size}: members of its line`);
    if (Object.hasOwn(line, "level")) {
      const { level, position, hash } = line;
      if (!isInteger(level) || level < 0 || level > 62 || !isInteger(position) || !isHash(hash)) refuse("a malformed node");
      if (!numbered || BigInt(position) << BigInt(level) !== tree.size) refuse("a node out of place");
      const end = tree.size + (1n << BigInt(level));
      const hidden = tree.size > from ? tree.size : from;
      if (hidden < (end < to ? end : to)) refuse(`leaf ${hidden} is missing`);
      if (sizes.length && sizes[0] < end) {
        if (bySize.get(sizes[0]).every((note) => note.isKept)) throw new CannotTell(`over ${sizes[0]}`);
        refuse(`a checkpoint over ${sizes[0]}, within a node`);
      }
      tree.append(level, Buffer.from(hash, "hex"));
      nodeEnd = end;
      meet();
      continue;
    }
    const which = line.seq === null ? `leaf ${line.id}` : `leaf ${line.seq}`;
    if ((line.seq === null) !== (members === UNNUMBERED_LINE)) refuse(`${which}: members of its line`);
    if (line.seq === null) numbered = false;
    else if (!numbered || !isInteger(line.seq) || BigInt(line.seq) !== tree.size) refuse(`leaf ${tree.size} is missing`);
    if (!isText(line.body)) refuse(`${which}: no text`);
    const said = readLeaf(line.body, which);
    for (const column of ["id", "tenant", "at", "kind", "actor", "connection", "transfer", "result"])
      if (line[column] !== said[column]) refuse(`${which}: column ${column}`);
    if (Object.hasOwn(line, "clear") && !isObject(line.clear)) refuse(`${which}: clear`);
    for (const [field, shown] of Object.entries(line.clear ?? {})) {
      if (!isObject(shown) || !isText(shown.value) || !/^[0-9a-f]{32}$/.test(shown.salt)) refuse(`${which}: clear ${field}`);
      const commitment = sha256(Buffer.from(shown.salt, "hex"), shown.value).toString("hex");
      if (!Object.hasOwn(said.commitments, field) || said.commitments[field] !== commitment) refuse(`${which}: clear ${field}`);
    }
    if (line.seq === null) continue;
    const given = tree.append(0, sha256(Buffer.of(0), line.body)).map((hash) => hash.toString("hex"));
    if (!Array.isArray(line.tree) || line.tree.length !== given.length) refuse(`${which}: tree`);
    given.forEach((hash, level) => { if (hash !== line.tree[level]) refuse(`${which}: tree, level ${level}`); });
    if (said.kind === "key.in-force" && said.facts.use === "signing") {
      const here = chain.at(-1), { key: vkey, replaces = null } = said.facts;
      const key = readKey(String(vkey)) ?? refuse(`${which}: no key`);
      if (key.name !== here.name) refuse(`${which}: another log's key`);
      if (replaces === null && !announced && key.vkey === here.vkey) announced = true;
      else if (replaces !== here.vkey || key.vkey === here.vkey) refuse(`${which}: not the next key`);
      else { announced = true; chain.push(key); open.push(here, key); }
    }
    meet();
  }
  if (sizes.length) refuse(`leaf ${tree.size} is missing: a checkpoint is over ${sizes[0]}`);
  if (nodeEnd > lastSize) refuse("nodes beyond the last checkpoint");
  if (tree.size < to) refuse(`leaf ${tree.size} is missing`);
  if (chain.map(({ vkey }) => vkey).join("\n") !== listed.join("\n")) refuse("keys.txt lists other keys than the leaves");
  for (const key of trusted)
    if (!chain.some(({ vkey }) => vkey === key.vkey) || !signedSomething.has(key.vkey)) refuse("not signed by the key you trust");
}

const options = { "--key": [], "--checkpoint": [] };
const [folder, ...rest] = process.argv.slice(2);
for (let at = 0; at < rest.length; at += 2) options[rest[at]].push(rest[at + 1]);
try {
  const trusted = options["--key"].flatMap((given) =>
    readKey(given) ?? readFileSync(given, "utf-8").split("\n").filter(Boolean).map((line) => readKey(line) ?? refuse("--key")));
  const kept = options["--checkpoint"].flatMap((path) => splitNotes(utf8.decode(readFileSync(path))));
  verifyExport(folder, trusted, kept);
  console.log("yes");
} catch (error) {
  if (error instanceof CannotTell) { console.log(`cannot tell: ${error.message}`); process.exitCode = 2; }
  else if (error instanceof No || error instanceof TypeError) { console.log(`no: ${error.message}`); process.exitCode = 1; }
  else throw error;
}
