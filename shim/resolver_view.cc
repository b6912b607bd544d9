#include "shim/resolver_view.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/program_memory.h"
#include "shim/settings.h"

namespace culvert::shim {
namespace {

constexpr char kFile[] = "/etc/resolv.conf";
constexpr size_t kMost = 8192;  // octets of the system's file that are looked at

size_t read_all(char* text) {
  const long fd = syscall(SYS_openat, AT_FDCWD, kFile, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return 0;
  const ssize_t size = read(static_cast<int>(fd), text, kMost);
  close(static_cast<int>(fd));
  return size > 0 ? static_cast<size_t>(size) : 0;
}

bool is_server_line(const char* line, size_t size) {
  constexpr char kWord[] = "nameserver";
  constexpr size_t kSize = sizeof kWord - 1;
  return size > kSize && memcmp(line, kWord, kSize) == 0 &&
         (line[kSize] == ' ' || line[kSize] == '\t');
}

bool write_view(int fd, const char* text, size_t size) {
  char server[64] = "nameserver ";
  const in_addr address = {htonl(settings.dns_address)};
  inet_ntop(AF_INET, &address, server + strlen(server), INET_ADDRSTRLEN);
  strcat(server, "\n");
  bool written = write(fd, server, strlen(server)) > 0;
  while (size > 0) {
    const void* end = memchr(text, '\n', size);
    const size_t line =
        end == nullptr ? size : static_cast<size_t>(static_cast<const char*>(end) - text) + 1;
    if (!is_server_line(text, line)) written = write(fd, text, line) > 0 && written;
    text += line;
    size -= line;
  }
  return written && lseek(fd, 0, SEEK_SET) == 0;
}

}  // namespace

bool is_resolver_file(const char* path, int flags) {
  if (settings.dns_port == 0 || (flags & (O_ACCMODE | O_CREAT | O_TRUNC | O_PATH)) != O_RDONLY)
    return false;
  return is_readable(path, sizeof kFile) && memcmp(path, kFile, sizeof kFile) == 0;
}

int open_resolver_view(int flags) {
  const int fd = memfd_create("resolv.conf", (flags & O_CLOEXEC) != 0 ? MFD_CLOEXEC : 0u);
  if (fd < 0) return -1;
  char text[kMost];
  if (write_view(fd, text, read_all(text))) return fd;
  close(fd);
  return -1;
}

}  // namespace culvert::shim
