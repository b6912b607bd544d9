/* What plugins see that are opened with RTLD_DEEPBIND, as PHP opens its extensions, and Apache its
 * modules. */
#include <dlfcn.h>
#include <limits.h>

#include "deep_plugin.h"
#include "probe.h"

static void use_plugin(const struct probe_target* target, const char* name, int mode) {
  void* const handle = dlopen(name, mode);
  printf("opened: %s\n", handle != NULL ? "yes" : dlerror());
  if (handle == NULL) return;
  const struct plugin* const plugin = dlsym(handle, "plugin");
  printf("echo: %s\n", plugin->outcome(target, &target->echo));
  printf("refused: %s\n", plugin->outcome(target, &target->refused));
  printf("by a pointer: %s\n", plugin->outcome_by_pointer(target, &target->echo));
  printf("the name: %s\n", plugin->resolves(target->host));
  printf("its own getpeername(): %d\n", plugin->own_function());
  printf("no error is left: %s\n", dlerror() == NULL ? "yes" : "no");
}

int main(int argc, char** argv) {
  const struct probe_target target = probe_start(argc, argv);
  static const char* const kinds[] = {"lazy", "now"};
  for (int i = 0; i < 2; ++i) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.*s/plugins/deep-plugin-%s.so",
             (int)(strrchr(argv[0], '/') - argv[0]), argv[0], kinds[i]);
    printf("a plugin bound %s\n", kinds[i]);
    use_plugin(&target, path, RTLD_LAZY | RTLD_DEEPBIND);
  }
  puts("found by this program's own search path");
  use_plugin(&target, "by-name.so", RTLD_NOW);
  printf("nowhere: %s\n",
         dlopen("/nowhere.so", RTLD_NOW | RTLD_DEEPBIND) == NULL ? "refused" : "opened");
  printf("and why: %s\n", dlerror());
  return 0;
}
