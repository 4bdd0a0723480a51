variable "reason" {
  type    = string
  default = "by hand"
}

# Stands in for the servers. Replace it by your provider's resource, and let the
# number follow from what runs already.
resource "terraform_data" "server" {
  input = { reason = var.reason }
}
