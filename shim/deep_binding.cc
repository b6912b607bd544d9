#include "shim/deep_binding.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shim/own_symbols.h"

namespace culvert::shim {
namespace {

// What the loader made read-only when it was done (PT_GNU_RELRO), in whole pages as it does; the
// destructor leaves it so.
class ReadOnlyPart {
 public:
  explicit ReadOnlyPart(const dl_phdr_info& object) {
    const ElfW(Addr) page = static_cast<ElfW(Addr)>(sysconf(_SC_PAGESIZE));
    for (int i = 0; i < object.dlpi_phnum; ++i) {
      const auto& part = object.dlpi_phdr[i];
      if (part.p_type != PT_GNU_RELRO) continue;
      begin_ = (object.dlpi_addr + part.p_vaddr) & ~(page - 1);
      end_ = (object.dlpi_addr + part.p_vaddr + part.p_memsz) & ~(page - 1);
    }
  }
  ReadOnlyPart(const ReadOnlyPart&) = delete;
  ReadOnlyPart& operator=(const ReadOnlyPart&) = delete;
  ~ReadOnlyPart() {
    if (open_) protect(PROT_READ);
  }

  bool let_write(ElfW(Addr) place) {
    if (open_ || place < begin_ || place >= end_) return true;
    open_ = protect(PROT_READ | PROT_WRITE);
    return open_;
  }

 private:
  bool protect(int how) const {
    return mprotect(reinterpret_cast<void*>(begin_), end_ - begin_, how) == 0;
  }

  ElfW(Addr) begin_ = 0, end_ = 0;
  bool open_ = false;
};

struct Search {
  const void* const libc;
  const ElfW(Addr) from;  // the object opened; those that it brought follow it
  bool begun = false;
};

void fill_anew(const Search& search, const dl_phdr_info& object, const ElfImage& image) {
  const void* const start = start_of_object(image.names);
  ReadOnlyPart read_only(object);
  for (const auto& part : image.relocations) {
    for (size_t i = 0; i < part.count; ++i) {
      const char* const name = imported_function(image, part.first[i]);
      const void* const ours = name == nullptr ? nullptr : own_function(name);
      if (ours == nullptr) continue;
      const ElfW(Addr) place = image.base + part.first[i].r_offset;
      const void** const pointer = reinterpret_cast<const void**>(place);
      // In the object itself: not sought yet (lazy binding). Anywhere else but in libc: a library
      // that deep binding was meant for.
      const void* const now = start_of_object(__atomic_load_n(pointer, __ATOMIC_RELAXED));
      if ((now == search.libc || now == start) && read_only.let_write(place))
        __atomic_store_n(pointer, ours, __ATOMIC_RELAXED);
    }
  }
}

int look_at(dl_phdr_info* object, size_t /*size*/, void* data) {
  auto& search = *static_cast<Search*>(data);
  search.begun = search.begun || object->dlpi_addr == search.from;
  if (!search.begun || object->dlpi_addr == own_image().base) return 0;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& part = object->dlpi_phdr[i];
    if (part.p_type != PT_DYNAMIC) continue;
    const auto* const dynamic =
        reinterpret_cast<const ElfW(Dyn)*>(object->dlpi_addr + part.p_vaddr);
    fill_anew(search, *object, read_image(object->dlpi_addr, dynamic));
  }
  return 0;
}

}  // namespace

void stand_in_front_of_libc_in(void* handle) {
  const link_map* opened = nullptr;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &opened) != 0 || opened == nullptr) return;
  Search search{start_of_libc(), opened->l_addr};
  dl_iterate_phdr(look_at, &search);
}

bool caller_decides_what_opens(const char* file, const void* caller) {
  if (strchr(file, '$') != nullptr) return true;
  if (strchr(file, '/') != nullptr) return false;
  Dl_info found;
  void* object = nullptr;
  if (dladdr1(caller, &found, &object, RTLD_DL_LINKMAP) == 0 || object == nullptr) return true;
  for (const auto* entry = static_cast<const link_map*>(object)->l_ld; entry->d_tag != DT_NULL;
       ++entry)
    if (entry->d_tag == DT_RPATH || entry->d_tag == DT_RUNPATH) return true;
  return false;
}

}  // namespace culvert::shim
