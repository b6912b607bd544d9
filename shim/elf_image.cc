#include "shim/elf_image.h"

#include <elf.h>

namespace culvert::shim {
namespace {

#if defined(__x86_64__)
constexpr uint64_t kCall = R_X86_64_JUMP_SLOT, kGlobal = R_X86_64_GLOB_DAT, kPointer = R_X86_64_64;
#elif defined(__aarch64__)
constexpr uint64_t kCall = R_AARCH64_JUMP_SLOT, kGlobal = R_AARCH64_GLOB_DAT,
                   kPointer = R_AARCH64_ABS64;
#else
constexpr uint64_t kCall = ~uint64_t{0}, kGlobal = kCall, kPointer = kCall;  // none are recognised
#endif

uint32_t gnu_hash(const char* name) {
  uint32_t hash = 5381;
  for (; *name != '\0'; ++name) hash = hash * 33 + static_cast<unsigned char>(*name);
  return hash;
}

// Not by strcmp(): a sanitizer that looks for the real one is not ready for calls of its own.
bool is_equal(const char* one, const char* other) {
  while (*one != '\0' && *one == *other) ++one, ++other;
  return *one == *other;
}

// glibc puts the addresses of most processors' entries right in place, and leaves offsets
// elsewhere.
template <typename Type>
void point(const Type*& pointer, ElfW(Addr) base, ElfW(Addr) value) {
  pointer = reinterpret_cast<const Type*>(value < base ? base + value : value);
}

}  // namespace

ElfImage read_image(ElfW(Addr) base, const ElfW(Dyn) * dynamic) {
  ElfImage image;
  image.base = base;
  size_t sizes[2] = {0, 0};
  bool with_addends = true;
  for (; dynamic->d_tag != DT_NULL; ++dynamic) {
    const ElfW(Addr) value = dynamic->d_un.d_ptr;
    switch (dynamic->d_tag) {
      case DT_SYMTAB: point(image.symbols, base, value); break;
      case DT_STRTAB: point(image.names, base, value); break;
      case DT_GNU_HASH: point(image.hash, base, value); break;
      case DT_RELA: point(image.relocations[0].first, base, value); break;
      case DT_JMPREL: point(image.relocations[1].first, base, value); break;
      case DT_RELASZ: sizes[0] = dynamic->d_un.d_val; break;
      case DT_PLTRELSZ: sizes[1] = dynamic->d_un.d_val; break;
      case DT_PLTREL: with_addends = dynamic->d_un.d_val == DT_RELA; break;
      default: break;
    }
  }
  if (!with_addends) sizes[1] = 0;
  for (int i = 0; i < 2; ++i)
    if (image.relocations[i].first != nullptr)
      image.relocations[i].count = sizes[i] / sizeof(ElfW(Rela));
  return image;
}

// The table: four words (buckets, first symbol hashed, words of the Bloom filter, its shift), the
// filter, the buckets, then a hash for each symbol, whose lowest bit marks the last of a bucket.
const ElfW(Sym) * find_symbol(const ElfImage& image, const char* name) {
  if (image.hash == nullptr || image.symbols == nullptr || image.names == nullptr) return nullptr;
  const uint32_t buckets = image.hash[0], first = image.hash[1], words = image.hash[2];
  if (buckets == 0) return nullptr;
  const uint32_t* const bucket = image.hash + 4 + words * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
  const uint32_t* const chain = bucket + buckets;
  const uint32_t hash = gnu_hash(name);
  uint32_t index = bucket[hash % buckets];
  if (index < first) return nullptr;
  for (;; ++index) {
    const uint32_t entry = chain[index - first];
    const auto* const symbol = image.symbols + index;
    if ((entry | 1U) == (hash | 1U) && is_equal(image.names + symbol->st_name, name)) return symbol;
    if ((entry & 1U) != 0) return nullptr;
  }
}

const char* imported_function(const ElfImage& image, const ElfW(Rela) & relocation) {
  const uint64_t type = ELF64_R_TYPE(relocation.r_info);
  if (type != kCall && type != kGlobal && type != kPointer) return nullptr;
  if (relocation.r_addend != 0 && type != kCall) return nullptr;
  const auto* const symbol = image.symbols + ELF64_R_SYM(relocation.r_info);
  if (symbol->st_shndx != SHN_UNDEF || symbol->st_name == 0) return nullptr;
  return image.names + symbol->st_name;
}

}  // namespace culvert::shim
