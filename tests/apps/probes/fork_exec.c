/* Connections across fork and exec, and programs started in all ways with a cleared environment:
 * they must reach the host as their parent does. (Natively every line is trivially true.) */
#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "probe.h"

static char* const kEmpty[] = {NULL};
static char self[4096];

static int wait_for(pid_t child) {
  int status = 0;
  if (child < 0) return -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

static void report(const char* name, int status) {
  printf("%s: %s\n", name, status == 0 ? "reached" : "not reached");
}

/* What the executed children do: resolve, connect, echo. With "fd" they use an inherited one. */
static int child(int argc, char** argv) {
  int fd = 0;
  if (strcmp(argv[1], "--inherited") == 0) {
    fd = atoi(argv[2]);
  } else {
    const struct sockaddr_in echo = resolve(argv[2], argv[3]);
    fd = make_socket(0);
    if (connect_to(fd, &echo) != 0 || write(fd, "e", 1) != 1) return 1;
  }
  struct sockaddr_in peer;
  socklen_t length = sizeof peer;
  if (getpeername(fd, (struct sockaddr*)&peer, &length) != 0) return 2;
  return argc > 0 && strcmp(echo_result(fd), "equal") == 0 ? 0 : 3;
}

static void run_exec(const char* name, char* const* argv, int way) {
  const pid_t pid = way == 6 ? vfork() : fork();
  if (pid == 0) {
    if (way == 0) execve(self, argv, kEmpty);
    if (way == 1) execvpe(self, argv, kEmpty);
    if (way == 2) execle(self, argv[0], argv[1], argv[2], argv[3], (char*)NULL, kEmpty);
    if (way == 3) fexecve(open(self, O_RDONLY), argv, kEmpty);
    if (way == 4) {
      clearenv();
      execl(self, argv[0], argv[1], argv[2], argv[3], (char*)NULL);
    }
    if (way == 5) {
      clearenv();
      execv(self, argv);
    }
    if (way == 6) execve(self, argv, kEmpty);
    if (way == 7) execve(self, argv, NULL);
    if (way == 8) {
      clearenv();
      execlp(self, argv[0], argv[1], argv[2], argv[3], (char*)NULL);
    }
    if (way == 9) execveat(AT_FDCWD, self, argv, kEmpty, 0);
    _exit(9);
  }
  report(name, wait_for(pid));
}

int main(int argc, char** argv) {
  if (argc > 2 && argv[1][0] == '-') return child(argc, argv);
  const struct probe_target target = probe_start(argc, argv);
  if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) give_up("readlink");
  char* anew[] = {self, "--anew", argv[1], argv[2], NULL};

  const int fd = start_conversation(&target, 'e');
  fcntl(fd, F_SETFD, 0);
  char number[16];
  snprintf(number, sizeof number, "%d", fd);
  char* inherited[] = {self, "--inherited", number, NULL, NULL};
  printf("parent: %s\n", echo_result(fd));
  pid_t pid = fork();
  if (pid == 0) _exit(strcmp(echo_result(fd), "equal") != 0);
  report("the forked child's copy", wait_for(pid));
  run_exec("the executed child's copy", inherited, 0);
  pid = fork();
  if (pid == 0) _exit(child(4, anew));
  report("a forked child", wait_for(pid));

  static const char* const kWays[] = {
      "execve", "execvpe", "execle",        "fexecve",
      "execl",  "execv",   "vfork, execve", "execve, null environment",
      "execlp", "execveat"};
  for (int way = 0; way < 10; ++way) run_exec(kWays[way], anew, way);
  posix_spawn(&pid, self, NULL, NULL, anew, kEmpty);
  report("posix_spawn", wait_for(pid));
  posix_spawnp(&pid, self, NULL, NULL, anew, kEmpty);
  report("posix_spawnp", wait_for(pid));

  /* Of a program that has cleared its environment, whose shell libc starts by itself. */
  char command[sizeof self + 64];
  snprintf(command, sizeof command, "'%s' --anew '%s' '%s'", self, argv[1], argv[2]);
  pid = fork();
  if (pid == 0) {
    clearenv();
    _exit(system(command) == 0 ? 0 : 9);
  }
  report("system", wait_for(pid));
  pid = fork();
  if (pid == 0) {
    clearenv();
    FILE* const shell = popen(command, "r");
    _exit(shell != NULL && pclose(shell) == 0 ? 0 : 9);
  }
  report("popen", wait_for(pid));
  pid = fork();
  if (pid == 0) {
    clearenv();
    printf("a command that is none: %d\n", WEXITSTATUS(system("exit 7")));
    printf("one in error: %d\n", WEXITSTATUS(system("( 2>&1")));
    printf("an empty one: %d\n", system(""));
    printf("is there a shell: %d\n", system(NULL) != 0);
    _exit(0);
  }
  wait_for(pid);

  /* ssh and daemons close every descriptor they do not know. */
  pid = fork();
  if (pid == 0) {
    syscall(SYS_close_range, 3, ~0u, 0);
    _exit(child(4, anew));
  }
  report("after close_range", wait_for(pid));
  return 0;
}
