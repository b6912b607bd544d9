/* Every call by which a UDP program sends and receives. The echo port sends each datagram back; on
 * the refused port there is nobody.
 *
 *   PROBE HOST ECHO SLOW REFUSED     (SLOW is not used) */
#include "probe.h"

#include <netinet/udp.h>
#include <sys/uio.h>

#define COUNT 8

static int make_udp(int connected, const struct sockaddr_in* to) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  const struct timeval patience = {10, 0};
  if (fd < 0) give_up("socket");
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connected && connect_to(fd, to) != 0) give_up("connect");
  return fd;
}

static int is_from(const struct sockaddr_in* from, const struct sockaddr_in* to) {
  return from->sin_family == AF_INET && from->sin_port == to->sin_port &&
         from->sin_addr.s_addr == to->sin_addr.s_addr;
}

static void connected(const struct probe_target* target) {
  const int fd = make_udp(1, &target->echo);
  struct sockaddr_in peer;
  socklen_t length = sizeof peer;
  char text[64] = "";
  printf("send: %s\n", result_name(send(fd, "hello", 5, 0)));
  const ssize_t peeked = recv(fd, text, sizeof text, MSG_PEEK);
  const ssize_t got = recv(fd, text, 3, MSG_TRUNC);
  printf("peeked %zd, received %zd of a datagram cut to 3: %.3s\n", peeked, got, text);
  printf("getpeername: %s, the peer is the one that was meant: %d\n",
         result_name(getpeername(fd, (struct sockaddr*)&peer, &length)),
         is_from(&peer, &target->echo));
  printf("write of nothing: %s\n", result_name(write(fd, text, 0)));
  printf("read of nothing: %zd\n", read(fd, text, sizeof text));
  printf("sendto with an address: %s\n",
         result_name(
             sendto(fd, "x", 1, 0, (const struct sockaddr*)&target->echo, sizeof target->echo)));
  printf("received %zd\n", recv(fd, text, sizeof text, 0));
  printf("connect to an address cut short: %s\n",
         result_name(connect(fd, (const struct sockaddr*)&target->echo, 4)));
  printf("send: %s\n", result_name(send(fd, "hello", 5, 0)));
  printf("received %zd\n", recv(fd, text, sizeof text, 0));
  close(fd);
}

static void unconnected(const struct probe_target* target) {
  const int fd = make_udp(0, NULL);
  struct sockaddr_in from;
  for (int i = 0; i < 3; ++i) {
    char text[64] = "";
    socklen_t length = sizeof from;
    const ssize_t sent =
        sendto(fd, "again", 5, 0, (const struct sockaddr*)&target->echo, sizeof target->echo);
    const ssize_t got = recvfrom(fd, text, sizeof text, 0, (struct sockaddr*)&from, &length);
    printf("sent %zd, received %zd from the one that was meant: %d\n", sent, got,
           is_from(&from, &target->echo));
  }
  printf("bad address: %s\n",
         result_name(sendto(fd, "x", 1, 0, (const struct sockaddr*)16, sizeof from)));
  printf("short address: %s\n",
         result_name(sendto(fd, "x", 1, 0, (const struct sockaddr*)&target->echo, 4)));
  close(fd);
}

static void messages(const struct probe_target* target) {
  const int fd = make_udp(0, NULL), on = 1;
  setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  struct sockaddr_in to = target->echo, from = {0};
  char one[] = "in ", two[] = "pieces", text[64] = "", control[128];
  struct iovec out[2] = {{one, 3}, {two, 6}}, in = {text, sizeof text};
  struct msghdr message = {
      .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = out, .msg_iovlen = 2};
  printf("sendmsg: %s\n", result_name(sendmsg(fd, &message, 0)));
  struct msghdr answer = {.msg_name = &from,
                          .msg_namelen = sizeof from,
                          .msg_iov = &in,
                          .msg_iovlen = 1,
                          .msg_control = control,
                          .msg_controllen = sizeof control};
  const ssize_t got = recvmsg(fd, &answer, 0);
  const struct cmsghdr* part = CMSG_FIRSTHDR(&answer);
  printf("recvmsg: %zd \"%s\" from the one that was meant: %d, IP_PKTINFO: %d\n", got, text,
         is_from(&from, &target->echo), part != NULL && part->cmsg_type == IP_PKTINFO);
  printf("a message that is not there: %s\n", result_name(sendmsg(fd, (struct msghdr*)16, 0)));
  close(fd);
}

static void many(const struct probe_target* target) {
  const int fd = make_udp(0, NULL);
  struct mmsghdr out[COUNT], in[COUNT];
  struct iovec parts[COUNT], places[COUNT];
  struct sockaddr_in to = target->echo, from[COUNT];
  char text[COUNT], back[COUNT];
  memset(out, 0, sizeof out);
  memset(in, 0, sizeof in);
  for (int i = 0; i < COUNT; ++i) {
    text[i] = (char)('a' + i);
    parts[i] = (struct iovec){&text[i], 1};
    places[i] = (struct iovec){&back[i], 1};
    out[i].msg_hdr = (struct msghdr){
        .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &parts[i], .msg_iovlen = 1};
    in[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                    .msg_namelen = sizeof from[i],
                                    .msg_iov = &places[i],
                                    .msg_iovlen = 1};
  }
  printf("sendmmsg: %d\n", sendmmsg(fd, out, COUNT, 0));
  int got = 0, meant = 0;
  while (got < COUNT) {
    const int more = recvmmsg(fd, in + got, (unsigned)(COUNT - got), MSG_WAITFORONE, NULL);
    if (more <= 0) break;
    got += more;
  }
  for (int i = 0; i < got; ++i) meant += is_from(&from[i], &target->echo);
  printf("recvmmsg: %d \"%.*s\", from the one that was meant: %d\n", got, got, back, meant);
  close(fd);
}

/* Control data and addresses of one message; of several, those before a bad one are sent. */
static void some(const struct probe_target* target) {
  const int fd = make_udp(0, NULL);
  const uint16_t size = 10;
  struct sockaddr_in to = target->echo;
  char control[CMSG_SPACE(sizeof size)] = "", text[] = "twenty-five octets, or so", back[8];
  struct iovec all = {text, 25}, pieces[3] = {{text, 1}, {text + 1, 2}, {text + 3, 3}};
  struct msghdr message = {.msg_name = &to,
                           .msg_namelen = sizeof to,
                           .msg_iov = &all,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
  struct cmsghdr* const part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = IPPROTO_UDP;
  part->cmsg_type = UDP_SEGMENT;
  part->cmsg_len = CMSG_LEN(sizeof size);
  memcpy(CMSG_DATA(part), &size, sizeof size);
  printf("sendmsg of three segments: %s\n", result_name(sendmsg(fd, &message, 0)));
  for (int i = 0; i < 3; ++i)
    printf("received %zd\n", recvfrom(fd, back, sizeof back, MSG_TRUNC, NULL, NULL));
  struct mmsghdr many[3];
  memset(many, 0, sizeof many);
  for (int i = 0; i < 3; ++i)
    many[i].msg_hdr = (struct msghdr){
        .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &pieces[i], .msg_iovlen = 1};
  many[2].msg_hdr.msg_name = (void*)16;
  printf("sendmmsg, the third not there: %d, of %u and %u octets\n", sendmmsg(fd, many, 3, 0),
         many[0].msg_len, many[1].msg_len);
  for (int i = 0; i < 2; ++i)
    printf("received %zd\n", recvfrom(fd, back, sizeof back, MSG_TRUNC, NULL, NULL));
  printf("sendmmsg, the first not there: %s\n", result_name(sendmmsg(fd, many + 2, 1, 0)));
  close(fd);
}

/* One call sends six datagrams; one call may bring several that came together. */
static void segments(const struct probe_target* target) {
  const int fd = make_udp(1, &target->echo), size = 100, on = 1;
  static char out[550], in[65536];
  for (size_t i = 0; i < sizeof out; ++i) out[i] = (char)('a' + i % 26);
  printf("UDP_SEGMENT: %s\n",
         result_name(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size)));
  printf("send of 550 octets: %zd\n", send(fd, out, sizeof out, 0));
  int count = 0;
  size_t got = 0;
  while (got < sizeof out) {
    const ssize_t more = recv(fd, in + got, sizeof in - got, 0);
    if (more < 0) break;
    got += (size_t)more;
    ++count;
  }
  printf("received %zu octets in %d datagrams, equal: %d\n", got, count,
         memcmp(out, in, sizeof out) == 0);
  printf("UDP_GRO: %s\n", result_name(setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on)));
  printf("send again: %zd\n", send(fd, out, sizeof out, 0));
  for (got = 0; got < sizeof out;) {
    const ssize_t more = recv(fd, in + got, sizeof in - got, 0);
    if (more < 0) break;
    got += (size_t)more;
  }
  printf("received %zu octets, equal: %d\n", got, memcmp(out, in, sizeof out) == 0);
  close(fd);
}

static void sizes(const struct probe_target* target) {
  static char out[70000], in[70000];
  const int fd = make_udp(1, &target->echo);
  for (size_t i = 0; i < sizeof out; ++i) out[i] = (char)(i * 31 + i / 256);
  const size_t all[] = {1, 1472, 16384, 40000, 65507};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
    const ssize_t sent = send(fd, out, all[i], 0);
    const ssize_t got = recv(fd, in, sizeof in, 0);
    printf("%zu octets: sent %zd, received %zd, equal: %d\n", all[i], sent, got,
           got > 0 && memcmp(in, out, (size_t)got) == 0);
  }
  printf("65508 octets: %s\n", result_name(send(fd, out, 65508, 0)));
  close(fd);
}

static void events(const struct probe_target* target) {
  const int fd = make_udp(1, &target->echo), watch = epoll_create1(0);
  struct epoll_event wanted = {.events = EPOLLIN | EPOLLET}, seen;
  epoll_ctl(watch, EPOLL_CTL_ADD, fd, &wanted);
  printf("before: %d\n", epoll_wait(watch, &seen, 1, 0));
  send(fd, "x", 1, 0);
  const int ready = epoll_wait(watch, &seen, 1, 10000);
  printf("after: %d%s\n", ready, event_names(ready > 0 ? seen.events : 0));
  close(watch);
  close(fd);
}

/* A second one is sent, as programs repeat a question: without the right to forge an ICMP message
 * the agent can only refuse that. */
static void refused(const struct probe_target* target) {
  const int fd = make_udp(1, &target->refused);
  char text[8];
  const struct timeval short_patience = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &short_patience, sizeof short_patience);
  printf("to a closed port: %s\n", result_name(send(fd, "x", 1, 0)));
  long result = recv(fd, text, sizeof text, 0);
  for (int i = 0; i < 5 && result < 0 && errno == EAGAIN; ++i) {
    send(fd, "x", 1, 0);
    result = recv(fd, text, sizeof text, 0);
  }
  printf("recv: %s\n", result_name(result));
  printf("SO_ERROR afterwards: %s\n", error_name(socket_error(fd)));
  close(fd);
}

static void again(const struct probe_target* target) {
  const int fd = make_udp(1, &target->refused);
  const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
  struct sockaddr_in peer;
  socklen_t length = sizeof peer;
  char text[8] = "";
  printf("connect to another: %s\n", result_name(connect_to(fd, &target->echo)));
  send(fd, "y", 1, 0);
  printf("received %zd\n", recv(fd, text, sizeof text, 0));
  printf("AF_UNSPEC: %s\n", result_name(connect(fd, &nobody, sizeof nobody)));
  printf("getpeername: %s\n", result_name(getpeername(fd, (struct sockaddr*)&peer, &length)));
  close(fd);
}

static void mapped(const struct probe_target* target) {
  const int fd = socket(AF_INET6, SOCK_DGRAM, 0);
  const struct timeval patience = {10, 0};
  struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = target->echo.sin_port}, from;
  socklen_t length = sizeof from;
  char text[8] = "";
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  to.sin6_addr.s6_addr[10] = to.sin6_addr.s6_addr[11] = 0xff;
  memcpy(to.sin6_addr.s6_addr + 12, &target->echo.sin_addr, 4);
  printf("from an IPv6 socket: %s\n",
         result_name(sendto(fd, "v6", 2, 0, (struct sockaddr*)&to, sizeof to)));
  const ssize_t got = recvfrom(fd, text, sizeof text, 0, (struct sockaddr*)&from, &length);
  printf("received %zd from the one that was meant: %d\n", got,
         memcmp(&from.sin6_addr, &to.sin6_addr, 16) == 0 && from.sin6_port == to.sin6_port);
  close(fd);
}

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  connected(&target);
  unconnected(&target);
  messages(&target);
  many(&target);
  some(&target);
  segments(&target);
  sizes(&target);
  events(&target);
  refused(&target);
  again(&target);
  mapped(&target);
  return 0;
}
