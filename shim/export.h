// shim/export.h: marks what interposes a libc function; exports.map must name it too.
#pragma once

#define CULVERT_INTERPOSE extern "C" __attribute__((visibility("default")))
