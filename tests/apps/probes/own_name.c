/* getsockname() of a connected socket: the address that the far end can call, however it was bound.
 */
#include "probe.h"

static struct sockaddr_in own_name(int fd) {
  struct sockaddr_in6 name = {0};
  struct sockaddr_in found = {0};
  socklen_t length = sizeof name;
  if (getsockname(fd, (struct sockaddr*)&name, &length) != 0) give_up("getsockname");
  found.sin_port = name.sin6_port;
  if (name.sin6_family == AF_INET) {
    memcpy(&found, &name, sizeof found);
  } else if (IN6_IS_ADDR_V4MAPPED(&name.sin6_addr)) {
    memcpy(&found.sin_addr, name.sin6_addr.s6_addr + 12, sizeof found.sin_addr);
  }
  return found;
}

static int connect_by(int fd, int family, const struct sockaddr_in* to) {
  struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = to->sin_port};
  mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
  memcpy(mapped.sin6_addr.s6_addr + 12, &to->sin_addr, sizeof to->sin_addr);
  return family == AF_INET ? connect_to(fd, to)
                           : connect(fd, (const struct sockaddr*)&mapped, sizeof mapped);
}

static void bound(const char* name, int family, int type, const struct probe_target* target,
                  const struct sockaddr_in* unbound) {
  const int fd = socket(family, type, 0);
  const struct sockaddr_in6 any = {.sin6_family = (sa_family_t)family};
  const socklen_t size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof any;
  printf("%s: bind %s", name, result_name(bind(fd, (const struct sockaddr*)&any, size)));
  const in_port_t port = own_name(fd).sin_port;
  printf(", connect %s", result_name(connect_by(fd, family, &target->echo)));
  const struct sockaddr_in after = own_name(fd);
  printf(", its address is %s", after.sin_addr.s_addr == unbound->sin_addr.s_addr
                                    ? "that of an unbound socket"
                                    : inet_ntoa(after.sin_addr));
  printf(", its port is %s\n", after.sin_port == port ? "kept" : "another");
  struct sockaddr_in6 cut = {0};
  socklen_t length = 6;
  getsockname(fd, (struct sockaddr*)&cut, &length);
  printf("  cut short: length %u, behind it %s\n", length,
         memcmp((const char*)&cut + 6, &any.sin6_addr, 8) == 0 ? "nothing" : "something");
  close(fd);
}

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  const int fd = make_socket(0);
  if (connect_to(fd, &target.echo) != 0) give_up("connect");
  const struct sockaddr_in unbound = own_name(fd);
  bound("0.0.0.0", AF_INET, SOCK_STREAM, &target, &unbound);
  bound("[::]", AF_INET6, SOCK_STREAM, &target, &unbound);
  bound("UDP, 0.0.0.0", AF_INET, SOCK_DGRAM, &target, &unbound);
  bound("UDP, [::]", AF_INET6, SOCK_DGRAM, &target, &unbound);
  return 0;
}
