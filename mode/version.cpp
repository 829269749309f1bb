#include "mode/version.h"

#include "commit.h"

namespace mode {

std::string_view version() { return MODE_VERSION; }
std::string_view commit() { return MODE_COMMIT; }

}  // namespace mode
