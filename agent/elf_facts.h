// agent/elf_facts.h: what the headers of an ELF file say about how it will be loaded. No I/O.
#pragma once
#include <cstdint>
#include <string>

#include "tunnel/base/bytes.h"

namespace culvert::agent {

struct ElfFacts {
  bool is_elf = false;         // of this machine's byte order
  std::uint8_t elf_class = 0;  // ELFCLASS32, ELFCLASS64
  std::uint16_t machine = 0;   // EM_X86_64 ...
  std::string interpreter;     // PT_INTERP; empty: static
  bool is_go = false;          // has the note that the Go linker writes
};

// From the first part of a file (program headers, interpreter and notes are at its front).
// Malformed tables give what could be read; nothing outside `front` is read.
ElfFacts read_elf(Bytes front);

}  // namespace culvert::agent
