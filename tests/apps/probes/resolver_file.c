/* The first line of /etc/resolv.conf, by each of libc's names for opening it. Not by dlsym(): that
 * finds other things than the program's own references do. */
#undef _FORTIFY_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int __open(const char* path, int flags, ...);
int __open64(const char* path, int flags, ...);
int __open_2(const char* path, int flags);
int __open64_2(const char* path, int flags);
int __openat_2(int directory, const char* path, int flags);
int __openat64_2(int directory, const char* path, int flags);
FILE* _IO_fopen(const char* path, const char* mode);

static const char file[] = "/etc/resolv.conf";

static void show(const char* function, int fd) {
  char text[512] = "";
  if (fd < 0 || read(fd, text, sizeof text - 1) < 0) {
    printf("%s: %s\n", function, strerrorname_np(errno));
    return;
  }
  text[strcspn(text, "\n")] = '\0';
  const char* inherited = (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 ? "closed by" : "kept through";
  printf("%s: %s, %s exec\n", function, text, inherited);
  close(fd);
}

static void show_stream(const char* function, FILE* stream) {
  show(function, stream == NULL ? -1 : fileno(stream));
}

static void show_reopened(const char* function, FILE* (*reopen)(const char*, const char*, FILE*)) {
  FILE* stream = fopen("/dev/null", "r");
  if (stream == NULL) exit(2);
  const int fd = fileno(stream);
  stream = reopen(file, "r", stream);
  if (stream != NULL) printf("its number is %s\n", fileno(stream) == fd ? "as before" : "another");
  show_stream(function, stream);
}

int main(void) {
  const int reads = O_RDONLY | O_CLOEXEC, elsewhere = open("/usr", O_RDONLY | O_DIRECTORY);
  show("open", open(file, O_RDONLY));
  show("open64", open64(file, reads));
  show("__open", __open(file, reads));
  show("__open64", __open64(file, reads));
  show("__open_2", __open_2(file, reads));
  show("__open64_2", __open64_2(file, O_RDONLY));
  show("openat", openat(AT_FDCWD, file, reads));
  show("openat of a folder", openat(elsewhere, file, reads));
  show("openat64", openat64(AT_FDCWD, file, O_RDONLY));
  show("__openat_2", __openat_2(AT_FDCWD, file, reads));
  show("__openat64_2", __openat64_2(AT_FDCWD, file, O_RDONLY));
  show("syscall", (int)syscall(SYS_openat, AT_FDCWD, file, reads));
  show_stream("fopen", fopen(file, "r"));
  show_stream("fopen64", fopen64(file, "re"));
  show_stream("_IO_fopen", _IO_fopen(file, "r"));
  show_reopened("freopen", freopen);
  show_reopened("freopen64", freopen64);
  show("a folder that is not there", openat(-2, "resolv.conf", reads));
  return 0;
}
