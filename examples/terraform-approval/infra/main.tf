# Your clone is here.
resource "terraform_data" "server" {}
