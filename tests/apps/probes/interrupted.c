/* A blocking connect that takes long: SO_SNDTIMEO, signals with and without SA_RESTART, and what
 * the socket is good for afterwards. */
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "probe.h"

static volatile sig_atomic_t signals;

static void on_alarm(int number) {
  (void)number;
  ++signals;
}

static void alarm_in(int milliseconds, int flags) {
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
  sigaction(SIGALRM, &action, NULL);
  const struct itimerval once = {.it_value = {0, milliseconds * 1000}};
  setitimer(ITIMER_REAL, &once, NULL);
}

static const char* class_of(double seconds) {
  if (seconds < 0.1) return "at once";
  return seconds < 0.6 ? "soon" : "late";
}

static int timed_connect(const char* name, int fd, const struct sockaddr_in* address) {
  signals = 0;
  const double start = now_seconds();
  const int result = connect_to(fd, address);
  const int error = errno;
  printf("%s: %s, %s, %d signals\n", name, error_name(result < 0 ? error : 0),
         class_of(now_seconds() - start), (int)signals);
  return result;
}

static void send_timeout(const struct probe_target* target) {
  const int fd = make_socket(0);
  const struct timeval patience = {0, 300000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  timed_connect("SO_SNDTIMEO", fd, &target->slow);
  timed_connect("and again", fd, &target->slow);
  close(fd);
}

static void interrupt(const struct probe_target* target) {
  arm_slow_port(target);
  const int fd = make_socket(0);
  alarm_in(200, 0);
  timed_connect("signal", fd, &target->slow);
  struct pollfd look = {fd, POLLOUT, 0};
  poll(&look, 1, 5000);
  printf("goes on by itself:%s, SO_ERROR %s\n", event_names((unsigned short)look.revents),
         error_name(socket_error(fd)));
  printf("connect then: %s", result_name(connect_to(fd, &target->slow)));
  printf(", echo %s\n", echo_result(fd));
  close(fd);
}

static void interrupt_and_retry(const struct probe_target* target) {
  arm_slow_port(target);
  const int fd = make_socket(0);
  alarm_in(200, 0);
  timed_connect("signal", fd, &target->slow);
  timed_connect("retry", fd, &target->slow);
  printf("echo %s\n", echo_result(fd));
  close(fd);
}

static void restart(const struct probe_target* target) {
  arm_slow_port(target);
  const int fd = make_socket(0);
  alarm_in(200, SA_RESTART);
  timed_connect("signal with SA_RESTART", fd, &target->slow);
  printf("echo %s\n", echo_result(fd));
  close(fd);
}

static void* connect_for_ever(void* argument) {
  const struct probe_target* target = argument;
  const int fd = make_socket(0);
  connect_to(fd, &target->slow);
  return NULL;
}

static void cancel(struct probe_target* target) {
  pthread_t thread;
  void* result = NULL;
  pthread_create(&thread, NULL, connect_for_ever, target);
  usleep(100000); /* most likely it is inside connect() now; before it would be as well */
  pthread_cancel(thread);
  pthread_join(thread, &result);
  printf("pthread_cancel: %s\n", result == PTHREAD_CANCELED ? "cancelled" : "not cancelled");
}

int main(int argc, char** argv) {
  struct probe_target target = probe_start(argc, argv);
  send_timeout(&target);
  interrupt(&target);
  interrupt_and_retry(&target);
  restart(&target);
  cancel(&target);
  return 0;
}
