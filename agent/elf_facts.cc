#include "agent/elf_facts.h"

#include <elf.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <string_view>

namespace culvert::agent {
namespace {

constexpr std::uint16_t kMostHeaders = 128;

template <class T>
std::optional<T> load(Bytes from, std::uint64_t at) {
  if (at > from.size() || from.size() - at < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, from.data() + at, sizeof value);
  return value;
}

Bytes part_of(Bytes front, std::uint64_t at, std::uint64_t size) {
  if (at > front.size()) return {};
  return front.subspan(at, std::min<std::uint64_t>(size, front.size() - at));
}

// cmd/link's NT_GO_BUILDID: size of the owner, of the content, type, owner. Alone in its segment,
// or, where the system's linker had the last word (cgo), behind others of other alignments.
bool has_go_note(Bytes notes) {
  constexpr std::string_view kOwner("Go\0\0", 4);
  for (std::size_t at = 0; at + 16 <= notes.size(); at += 4)
    if (load<std::uint32_t>(notes, at) == kOwner.size() &&
        load<std::uint32_t>(notes, at + 8) == 4U && as_text(notes.subspan(at + 12, 4)) == kOwner)
      return true;
  return false;
}

template <class Header, class Segment>
void read_tables(Bytes front, ElfFacts& facts) {
  const auto header = load<Header>(front, 0);
  if (!header) return;
  facts.machine = header->e_machine;
  for (std::uint16_t i = 0; i < std::min(header->e_phnum, kMostHeaders); ++i) {
    const auto at = std::uint64_t{header->e_phoff} + std::uint64_t{i} * header->e_phentsize;
    const auto segment = load<Segment>(front, at);
    if (!segment) return;
    const auto content = part_of(front, segment->p_offset, segment->p_filesz);
    if (segment->p_type == PT_INTERP) {
      const auto text = as_text(content);
      facts.interpreter = text.substr(0, text.find('\0'));
      if (facts.interpreter.empty()) facts.interpreter = "?";  // it has one, further behind
    }
    if (segment->p_type == PT_NOTE && has_go_note(content)) facts.is_go = true;
  }
}

}  // namespace

ElfFacts read_elf(Bytes front) {
  ElfFacts facts;
  const auto identity = load<std::array<unsigned char, EI_NIDENT>>(front, 0);
  if (!identity || std::memcmp(identity->data(), ELFMAG, SELFMAG) != 0) return facts;
  constexpr auto kOurOrder = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  if ((*identity)[EI_DATA] != kOurOrder) return facts;
  facts.is_elf = true;
  facts.elf_class = (*identity)[EI_CLASS];
  if (facts.elf_class == ELFCLASS64) read_tables<Elf64_Ehdr, Elf64_Phdr>(front, facts);
  if (facts.elf_class == ELFCLASS32) read_tables<Elf32_Ehdr, Elf32_Phdr>(front, facts);
  return facts;
}

}  // namespace culvert::agent
