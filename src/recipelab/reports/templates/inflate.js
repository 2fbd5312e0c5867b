"use strict";
// Gzip (RFC 1951, 1952), at once: the browser's own way (DecompressionStream) makes one wait, and printing does not.
const BASES = { length: [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258],
  distance: [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577] };
const EXTRA = { length: (n) => n < 8 || n === 28 ? 0 : (n >> 2) - 1, distance: (n) => n < 4 ? 0 : (n >> 1) - 1 };
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

// A canonical Huffman code, by the bits that come next: symbol * 16 + its length. lengths: of each symbol's code.
function codes(lengths) {
  const longest = Math.max(...lengths, 1), found = new Uint16Array(1 << longest);
  for (let length = 1, code = 0; length <= longest; length++, code <<= 1) {
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] !== length) continue;
      let first = 0; // the code, from its last bit to its first
      for (let bit = 0; bit < length; bit++) first |= (code >> bit & 1) << (length - 1 - bit);
      for (let at = first; at < found.length; at += 1 << length) found[at] = symbol << 4 | length;
      code++;
    }
  }
  return found;
}
const FIXED = [[144, 8], [112, 9], [24, 7], [8, 8]].flatMap(([count, length]) => Array(count).fill(length));

// bytes: one gzip member without a name, as Python's gzip.compress writes it. Returns what it holds.
function inflate(bytes) {
  const out = new Uint8Array(new DataView(bytes.buffer).getUint32(bytes.length - 4, true));
  let place = 10, held = 0, count = 0, end = 0;
  const need = (wanted) => {
    if (place > bytes.length) throw new Error("packed data are cut off");
    for (; count < wanted; count += 8) held |= bytes[place++] << count;
  };
  const take = (wanted) => { need(wanted); const value = held & ((1 << wanted) - 1); held >>>= wanted; count -= wanted; return value; };
  const next = (code) => {
    need(15);
    const found = code[held & (code.length - 1)], length = found & 15;
    if (!length) throw new Error("packed data are broken");
    held >>>= length; count -= length;
    return found >> 4;
  };
  const reach = (kind, symbol) => BASES[kind][symbol] + take(EXTRA[kind](symbol));
  function lengths() { // of the two codes of a block that brings its own
    const literals = take(5) + 257, distances = take(5) + 1, order = ORDER.slice(0, take(4) + 4);
    const own = Array(19).fill(0), found = [];
    for (const symbol of order) own[symbol] = take(3);
    const code = codes(own);
    while (found.length < literals + distances) {
      const symbol = next(code);
      if (symbol < 16) found.push(symbol);
      else if (symbol === 16) found.push(...Array(take(2) + 3).fill(found.at(-1)));
      else found.push(...Array(symbol === 17 ? take(3) + 3 : take(7) + 11).fill(0));
    }
    return [found.slice(0, literals), found.slice(literals)];
  }
  for (let last = 0; !last;) {
    last = take(1);
    const kind = take(2);
    if (kind === 0) { // stored as it is
      place -= count >> 3; held = count = 0; // whole bytes that were read ahead go back
      const size = bytes[place] | bytes[place + 1] << 8;
      out.set(bytes.subarray(place + 4, place + 4 + size), end);
      place += 4 + size; end += size;
      continue;
    }
    const [literal, distance] = (kind === 1 ? [FIXED, Array(30).fill(5)] : lengths()).map(codes);
    for (let symbol = next(literal); symbol !== 256; symbol = next(literal)) {
      if (symbol < 256) { out[end++] = symbol; continue; }
      const length = reach("length", symbol - 257), back = reach("distance", next(distance));
      for (const stop = end + length; end < stop; end++) out[end] = out[end - back];
    }
  }
  if (end !== out.length) throw new Error("packed data are not whole");
  return out;
}
