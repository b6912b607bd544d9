/* Many threads resolve and connect at the same time, some to a port that refuses. */
#include <pthread.h>

#include "probe.h"

enum { kThreads = 8, kRounds = 20 };

struct worker {
  pthread_t thread;
  const struct probe_target* target;
  const char* echo_port;
  int echoes, refusals, others;
};

static void one_round(struct worker* self) {
  const struct sockaddr_in echo = resolve(self->target->host, self->echo_port);
  const int fd = make_socket(SOCK_CLOEXEC);
  if (connect_to(fd, &echo) == 0 && write(fd, "e", 1) == 1 && strcmp(echo_result(fd), "equal") == 0)
    ++self->echoes;
  else
    ++self->others;
  close(fd);
  const int refused = make_socket(SOCK_CLOEXEC);
  if (connect_to(refused, &self->target->refused) < 0 && errno == ECONNREFUSED)
    ++self->refusals;
  else
    ++self->others;
  close(refused);
}

static void* work(void* argument) {
  struct worker* self = argument;
  for (int i = 0; i < kRounds; ++i) one_round(self);
  return NULL;
}

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  struct worker workers[kThreads];
  int echoes = 0, refusals = 0, others = 0;
  for (int i = 0; i < kThreads; ++i) {
    workers[i] = (struct worker){.target = &target, .echo_port = argv[2]};
    if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) give_up("pthread_create");
  }
  for (int i = 0; i < kThreads; ++i) {
    pthread_join(workers[i].thread, NULL);
    echoes += workers[i].echoes;
    refusals += workers[i].refusals;
    others += workers[i].others;
  }
  printf("%d echoes, %d refusals, %d others\n", echoes, refusals, others);
  return 0;
}
