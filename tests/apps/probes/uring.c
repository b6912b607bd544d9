/* Connects by io_uring, in each way of liburing's to submit and to wait. */
#include <liburing.h>
#include <unistd.h>

#include "probe.h"

static struct io_uring ring;

enum { SUBMIT, SUBMIT_AND_WAIT, WITH_TIMEOUT, WAYS };
static const char* const names[WAYS] = {"submit", "submit and wait",
                                        "submit and wait, with a limit"};

static int submit(int way, unsigned count) {
  struct __kernel_timespec limit = {20, 0};
  struct io_uring_cqe* first = NULL;
  switch (way) {
    case SUBMIT: return io_uring_submit(&ring);
    case SUBMIT_AND_WAIT: return io_uring_submit_and_wait(&ring, count);
    default: return io_uring_submit_and_wait_timeout(&ring, &first, count, &limit, NULL);
  }
}

static int next_result(void) {
  struct io_uring_cqe* entry = NULL;
  if (io_uring_wait_cqe(&ring, &entry) != 0) give_up("io_uring_wait_cqe");
  const int result = entry->res;
  io_uring_cqe_seen(&ring, entry);
  return result;
}

static void queue(int fd, const struct sockaddr_in* to, unsigned flags) {
  struct io_uring_sqe* entry = io_uring_get_sqe(&ring);
  if (entry == NULL) give_up("io_uring_get_sqe");
  io_uring_prep_connect(entry, fd, (const struct sockaddr*)to, sizeof *to);
  io_uring_sqe_set_flags(entry, flags);
}

static void connect_and_talk(int way, const struct sockaddr_in* to, int socket_flags,
                             unsigned flags) {
  const int fd = make_socket(socket_flags);
  queue(fd, to, flags);
  const int submitted = submit(way, 1);
  const int result = next_result();
  printf("%s%s%s: %d submitted, %s", names[way], socket_flags != 0 ? ", O_NONBLOCK" : "",
         flags != 0 ? ", in a worker" : "", submitted, error_name(-result));
  struct pollfd look = {fd, POLLIN, 0};
  if (result == 0 && socket_flags != 0 && write(fd, "ehello", 6) == 6) poll(&look, 1, 20000);
  if (result == 0 && socket_flags == 0 && write(fd, "e", 1) == 1)
    printf(", echo %s", echo_result(fd));
  printf("%s\n", event_names((unsigned short)look.revents));
  close(fd);
}

static void many(const struct sockaddr_in* to) {
  enum { COUNT = 8 };
  int fds[COUNT], connected = 0;
  for (int i = 0; i < COUNT; ++i) queue(fds[i] = make_socket(0), to, 0);
  const int submitted = submit(SUBMIT, 0);
  for (int i = 0; i < COUNT; ++i) connected += next_result() == 0;
  printf("at once: %d submitted, %d connected\n", submitted, connected);
  for (int i = 0; i < COUNT; ++i) close(fds[i]);
}

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  if (io_uring_queue_init(16, &ring, 0) != 0) give_up("io_uring_queue_init");
  for (int way = 0; way < WAYS; ++way) {
    connect_and_talk(way, &target.echo, 0, 0);
    connect_and_talk(way, &target.echo, SOCK_NONBLOCK, 0);
    connect_and_talk(way, &target.echo, 0, IOSQE_ASYNC);
    connect_and_talk(way, &target.refused, 0, 0);
  }
  many(&target.echo);
  const int fd = make_socket(0);
  queue(fd, &target.echo, 0);
  queue(fd, &target.echo, IOSQE_IO_DRAIN);
  submit(SUBMIT, 0);
  const int first = next_result();
  printf("twice: %s and then %s\n", error_name(-first), error_name(-next_result()));
  io_uring_queue_exit(&ring);
  return 0;
}
