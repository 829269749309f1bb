#include "mode/version.h"

#include "mode/commit.h"  // generated: tools/cmake/commit.cmake

namespace mode {

std::string_view version() { return MODE_VERSION; }
std::string_view commit() { return MODE_COMMIT; }

}  // namespace mode
