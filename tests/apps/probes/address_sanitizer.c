/* Built with the address sanitizer, whose runtime wants to be loaded before everything else. */
#include "probe.h"

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  const int fd = make_socket(SOCK_CLOEXEC);
  printf("connect: %s\n", result_name(connect_to(fd, &target.echo)));
  char* text = malloc(100);
  snprintf(text, 100, "echo: %s", echo_result(fd));
  puts(text);
  free(text);
  close(fd);
  return 0;
}
