// shim/elf_image.h: what the loader has of an object in memory: its symbols, and the places that it
// filled with the addresses of functions (System V gABI, chapter 5; the psABI of the processor).
//
// Knows nothing of which symbols matter. All pointers stay valid as long as the object is loaded.
#pragma once
#include <link.h>
#include <stddef.h>
#include <stdint.h>

namespace culvert::shim {

struct ElfImage {
  ElfW(Addr) base = 0;
  const ElfW(Sym) * symbols = nullptr;
  const char* names = nullptr;
  const uint32_t* hash = nullptr;  // DT_GNU_HASH; null: find_symbol() finds nothing
  struct Relocations {
    const ElfW(Rela) * first = nullptr;
    size_t count = 0;
  } relocations[2];  // of data, of calls
};

ElfImage read_image(ElfW(Addr) base, const ElfW(Dyn) * dynamic);

// A symbol that `image` defines, of any version; null if there is none.
const ElfW(Sym) * find_symbol(const ElfImage& image, const char* name);

// The name of the function of another object whose address belongs at `relocation`; null if
// something else does.
const char* imported_function(const ElfImage& image, const ElfW(Rela) & relocation);

}  // namespace culvert::shim
