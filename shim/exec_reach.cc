#include "shim/exec_reach.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/keep_errno.h"
#include "shim/settings.h"

namespace culvert::shim {
namespace {

constexpr int kMostInterpreters = 4;  // as the kernel allows
constexpr size_t kFront = 4096;       // headers and the interpreter's name are at the front

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
#else
constexpr Elf64_Half kMachine = EM_NONE;
#endif

struct Front {
  alignas(8) char octets[kFront + 1];
  size_t size;
};

bool read_front(const char* path, Front& front) {
  const long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
  if (fd < 0) return false;
  struct stat facts;
  const bool plain = fstat(static_cast<int>(fd), &facts) == 0 && S_ISREG(facts.st_mode) &&
                     (facts.st_mode & (S_ISUID | S_ISGID)) == 0 && (facts.st_mode & 0111) != 0;
  const ssize_t size = plain ? pread(static_cast<int>(fd), front.octets, kFront, 0) : -1;
  close(static_cast<int>(fd));
  front.size = size > 0 ? static_cast<size_t>(size) : 0;
  front.octets[front.size] = '\0';
  return size > 0;
}

// The note of cmd/link, among others if the system's linker had the last word (cgo).
bool has_go_note(const Front& front, const Elf64_Phdr& segment) {
  const size_t left = segment.p_offset < front.size ? front.size - segment.p_offset : 0;
  const size_t size = segment.p_filesz < left ? segment.p_filesz : left;
  for (size_t at = 0; at + 16 <= size; at += 4) {
    const char* const octets = front.octets + segment.p_offset + at;
    Elf64_Nhdr note;
    memcpy(&note, octets, sizeof note);
    if (note.n_namesz == 4 && note.n_type == 4 && memcmp(octets + sizeof note, "Go\0\0", 4) == 0)
      return true;
  }
  return false;
}

bool has_musl(const Front& front, const Elf64_Phdr& segment) {
  return segment.p_offset < front.size &&
         strstr(front.octets + segment.p_offset, "musl") != nullptr;
}

bool is_elf_out_of_reach(const Front& front) {
  Elf64_Ehdr header;
  if (front.size < sizeof header) return false;
  memcpy(&header, front.octets, sizeof header);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != kMachine) return true;
  bool dynamic = false;
  for (size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    const size_t at = header.e_phoff + i * sizeof segment;
    if (at > front.size || front.size - at < sizeof segment) return false;  // unusual: let it be
    memcpy(&segment, front.octets + at, sizeof segment);
    if (segment.p_type == PT_INTERP && has_musl(front, segment)) return true;
    if (segment.p_type == PT_NOTE && has_go_note(front, segment)) return true;
    dynamic = dynamic || segment.p_type == PT_INTERP;
  }
  return !dynamic;
}

// ld.so is static itself, and loads us into what it runs.
bool is_loader(const char* path) {
  const char* name = strrchr(path, '/');
  return strncmp(name == nullptr ? path : name + 1, "ld-linux", 8) == 0;
}

// Of "#!/path argument" the path; false if there is none.
bool take_interpreter(const Front& front, char (&path)[PATH_MAX]) {
  const char* word = front.octets + 2;
  word += strspn(word, " \t");
  const size_t size = strcspn(word, " \t\n");
  if (size == 0 || size >= sizeof path) return false;
  memcpy(path, word, size);
  path[size] = '\0';
  return true;
}

}  // namespace

bool is_out_of_reach(const char* path) {
  if (!settings.active || settings.run.value()[0] == '\0' || path == nullptr) return false;
  const KeepErrno keep;
  char interpreter[PATH_MAX];
  for (int depth = 0; depth < kMostInterpreters; ++depth) {
    Front front;
    if (is_loader(path) || !read_front(path, front)) return false;
    if (front.size >= SELFMAG && memcmp(front.octets, ELFMAG, SELFMAG) == 0)
      return is_elf_out_of_reach(front);
    if (memcmp(front.octets, "#!", 2) != 0 || !take_interpreter(front, interpreter)) return false;
    path = interpreter;
  }
  return false;
}

bool find_in_path(const char* file, char (&path)[PATH_MAX]) {
  const KeepErrno keep;
  if (!settings.active || file == nullptr || *file == '\0') return false;
  const size_t length = strlen(file);
  if (strchr(file, '/') != nullptr) {
    if (length >= sizeof path) return false;
    memcpy(path, file, length + 1);
    return true;
  }
  const char* search = getenv("PATH");  // as execvp() itself reads it
  if (search == nullptr) search = "/bin:/usr/bin";
  for (;;) {
    const size_t size = strcspn(search, ":");
    if (size + length + 2 <= sizeof path) {
      memcpy(path, search, size);
      path[size] = '/';
      memcpy(path + size + (size > 0 ? 1 : 0), file, length + 1);
      struct stat facts;
      if (stat(path, &facts) == 0 && S_ISREG(facts.st_mode) && access(path, X_OK) == 0) return true;
    }
    if (search[size] == '\0') return false;
    search += size + 1;
  }
}

size_t count_words(char* const* argv) {
  size_t count = 0;
  while (argv != nullptr && argv[count] != nullptr) ++count;
  return count;
}

void fill_launcher(char** into, const char* path, char* const* argv) {
  const size_t count = count_words(argv);
  const char* const front[kLauncherWords] = {settings.run.value(),
                                             "run",
                                             "--how=namespace",
                                             "--argv0",
                                             count > 0 ? argv[0] : path,
                                             "--",
                                             path};
  for (const char* word : front) *into++ = const_cast<char*>(word);
  for (size_t i = 1; i < count; ++i) *into++ = argv[i];
  *into = nullptr;
}

}  // namespace culvert::shim
