// Opens sealed objects as docs/formats/sealed-object.md says, with nothing of ours: for each case of a file of cases, the
// SHA-256 of its plaintext, or "refused".
import { createDecipheriv, createHash, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";

const SEGMENT = 1 << 20;
const HEADER = 40;
const TAG = 16;

function open(image, dek, context, cut) {
  const segments = Math.ceil(image.length / SEGMENT);
  const last = image.length - (segments - 1) * SEGMENT;
  if (cut && image.length % SEGMENT !== 0) throw new Error("no cut object");
  if (segments < 1 || last < (segments === 1 ? HEADER + TAG : TAG + 1) || image[0] !== HEADER) throw new Error("no object");
  const salt = image.subarray(1, 33);
  const prefix = image.subarray(33, HEADER);
  const key = Buffer.from(hkdfSync("sha256", dek, salt, context, 32));
  const digest = createHash("sha256");
  for (let index = 0; index < segments; index++) {
    const begin = index === 0 ? HEADER : index * SEGMENT;
    const sealed = image.subarray(begin, Math.min((index + 1) * SEGMENT, image.length));
    const nonce = Buffer.alloc(12);
    prefix.copy(nonce);
    nonce.writeUInt32BE(index, 7);
    nonce[11] = index === segments - 1 && !cut ? 1 : 0;
    const cipher = createDecipheriv("aes-256-gcm", key, nonce);
    cipher.setAuthTag(sealed.subarray(sealed.length - TAG));
    digest.update(cipher.update(sealed.subarray(0, sealed.length - TAG)));
    cipher.final();
  }
  return digest.digest("hex");
}

for (const one of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  try {
    console.log(open(readFileSync(one.path), Buffer.from(one.dek, "hex"), Buffer.from(one.context), one.cut));
  } catch {
    console.log("refused");
  }
}
